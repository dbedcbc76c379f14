-- Turns functions into bytecode.
--- outcome: runs

function attack()
  return string.dump == nil and ("").dump == nil and rawget(string, "dump") == nil
    and not pcall(function() return ("").dump(attack) end)
end

function fine() return 42 end
