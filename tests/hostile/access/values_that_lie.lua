-- Hands the host tables whose metamethods lie.
--- outcome: runs

local function raise() error("a metamethod ran") end
local meta = {
  __index = raise, __newindex = raise, __len = raise, __pairs = raise, __iter = raise, __call = raise,
  __eq = raise, __lt = raise, __concat = raise, __tostring = raise, __name = raise, __close = raise,
}

function give() return setmetatable({ 1, 2, setmetatable({ a = 1 }, meta) }, meta) end
function given() host.channel("numbers"):send(give()) return host.channel("numbers"):recv() end

function attack()
  local got = host.call("case", "give")
  assert(got[2] == 2 and got[3].a == 1 and getmetatable(got) == nil)
  got = given()
  assert(got[2] == 2 and got[3].a == 1)
  return true
end

function fine() return 42 end
