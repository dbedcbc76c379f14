-- What a script says of itself: `host.any`, `host.register`, `host.state`.

local raw = ...
local check = raw.check
local any, register, state = raw.any, raw.register, raw.state

local function host_any(value) return check(any(value)) end
local function host_register(exports) return check(register(exports)) end
local function host_state(fields) return check(state(fields)) end

raw.host_any, raw.host_register, raw.host_state = host_any, host_register, host_state
