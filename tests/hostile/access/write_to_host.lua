-- Writes to `host` and its groups, by all that writes.
--- outcome: runs

local function writes(object)
  return {
    function() object.channel = 1 end,
    function() object.new = 1 end,
    function() object[1] = 1 end,
    function() rawset(object, "channel", 1) end,
    function() table.insert(object, 1) end,
    function() table.insert(object, 1, 1) end,
    function() table.remove(object) end,
    function() table.sort(object) end,
    function() table.move({ 1 }, 1, 1, 1, object) end,
    function() table.clear(object) end,
    function() table.freeze(object) end,
    function() table.clone(object).channel = 1 end,
    function() setmetatable(object, {}) end,
  }
end

function attack()
  for _, object in ipairs { host, host.world } do
    for i, write in ipairs(writes(object)) do pcall(write) end
    assert(not pcall(function() return object.new end))
    assert(not pcall(function() return object[1] end))
  end
  return type(host.channel) == "function" and host.world.scale(2, 3) == 6 and not host.has("new")
end

function fine() return 42 end
