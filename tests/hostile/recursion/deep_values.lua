-- Hands the host values that are nested without an end.
--- outcome: runs

local function nested(n)
  local t = {}
  for _ = 1, n do t = { t } end
  return t
end

local loop = {}
loop.loop = loop

function loops() return loop end
function deep() return nested(100000) end
function keys() local t = {} for _ = 1, 1000 do t = { [1] = t, x = t } end return nested(200) end

function attack()
  for _, name in ipairs { "loops", "deep", "keys" } do
    local ok, text = pcall(host.call, "case", name)
    assert(not ok and text:find("deeper than 128 levels", 1, true), name .. ": " .. tostring(text))
  end
  local channel = host.channel("numbers")
  assert(not pcall(channel.send, channel, loop))
  assert(not pcall(host.any, loop) or true)
  return true
end

function fine() return 42 end
