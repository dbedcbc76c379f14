-- Requires a link that leads out of its folder.
--- outcome: runs

function attack()
  local ok, text = pcall(require, "link")
  return not ok and text:find("it leads out of", 1, true) ~= nil
end

function fine() return 42 end
