-- The host's log: `host.log(..)` is `host.log.info(..)`.

local raw = ...
local pairs = pairs
local check, joined = raw.check, raw.joined
local levels, info = {}, raw.levels.info

for level, write in pairs(raw.levels) do
  levels[level] = function(...) return check(write(joined(...))) end
end
raw.host_log = raw.sealed("host.log", levels, function(_, ...) return check(info(joined(...))) end)
