-- Takes its own globals away, to find those of the library behind them.
--- outcome: runs

local G = _G

function attack()
  G._G = nil
  local found = G._G
  local raw = rawget(G, "_G")
  G._G = G
  if found ~= nil or raw ~= nil then return false end
  -- Nor by what stands behind.
  if rawget(getmetatable(G), "__index") ~= nil then return false end
  G.print = nil
  return G.print ~= nil and G.host == host
end

function fine() return 42 end
