-- Fails where it is loaded, with its doors half open.
--- outcome: load: 

host.register { fine = function() return 41 end }
coroutine.wrap(function() error(setmetatable({}, { __tostring = error })) end)()
