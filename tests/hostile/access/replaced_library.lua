-- Replaces functions of the library that the host might use.
--- outcome: runs

local kept = {}

function attack()
  for _, name in ipairs { "string", "table", "math", "coroutine" } do
    for key, value in pairs(_G[name]) do
      if type(value) == "function" then
        kept[#kept + 1] = { name, key, value }
        if not pcall(function() _G[name][key] = function() error("replaced") end end) then kept[#kept] = nil end
      end
    end
  end
  for _, name in ipairs { "type", "error", "next", "rawget", "setmetatable", "tostring", "xpcall" } do
    _G[name] = function() while false do end return nil end
  end
  local failed
  if host.world.scale(2, 3) ~= 6 then failed = true end
  if not host.channel("numbers").send then failed = true end
  if require("part").value ~= 42 then failed = true end
  for _, name in ipairs { "type", "error", "next", "rawget", "setmetatable", "tostring", "xpcall" } do _G[name] = nil end
  for _, entry in ipairs(kept) do _G[entry[1]][entry[2]] = entry[3] end
  kept = {}
  return not failed
end

function fine() return 42 end
