-- Fails where it is loaded, with its doors half open.
--- outcome: load: half open

host.register { fine = function() return 41 end }
coroutine.wrap(function() error("half open") end)()
