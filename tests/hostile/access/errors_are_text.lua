-- Catches an error of the host's, and looks what it is made of.
--- outcome: runs

function attack()
  local tries = {
    host.refuse,
    function() return host["\255"] end,
    function() return host[{}] end,
    function() return host[setmetatable({}, { __tostring = function() return "\255" end })] end,
    function() return host.world["\0"] end,
    function() return host.channel() end,
    function() return host.channel("\255") end,
    function() return host.channel({}) end,
    function() host.register(5) end,
    function() host.register({ [1] = print, ["\255"] = print }) end,
    function() return host.any(print) end,
    function() return host.any(coroutine.create(print)) end,
    function() return host.has(5) end,
    function() host.channel("numbers").send(5) end,
    function() host.channel("numbers").recv({}) end,
    function() host.channel("numbers"):send(print) end,
    function() return host.world.scale("a", {}) end,
    function() return host.world.scale() end,
    function() return host.call("case", {}) end,
    function() return require({}) end,
    function() return require("\255") end,
    function() host.scale = 5 end,
    function() host["\255"] = 5 end,
    function() collectgarbage("\255") end,
    function() setmetatable({}, { __gc = 1 }) end,
    function() return coroutine.close(5) end,
    function() return coroutine.resume(5) end,
    function() return coroutine.wrap(5) end,
    function() return coroutine.create() end,
    function() return coroutine.status() end,
    function() coroutine.close(coroutine.running()) end,
  }
  for i = 1, #tries do
    local ok, text = pcall(tries[i])
    -- What raises nothing gives nothing away either.
    assert(ok or type(text) == "string", i .. ": " .. type(text))
  end
  return true
end

function fine() return 42 end
