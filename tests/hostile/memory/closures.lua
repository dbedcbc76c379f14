--- makes closures
--- outcome: memory
--- flavours: lua54 lua55 luau
-- Where memory runs out in the middle of a closure, LuaJIT loses count of it: built with its
-- assertions, as in Cargo's debug profile, it ends the process when the VM goes.

function attack()
  local last = false
  while true do
    local before = last
    last = function() return before end
  end
end

function fine() return 42 end
