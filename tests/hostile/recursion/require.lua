-- A module that requires itself.
--- outcome: runs

function attack()
  local ok, text = pcall(require, "itself")
  return not ok and text:find("modules require each other in a loop", 1, true) ~= nil
end

function fine() return 42 end
