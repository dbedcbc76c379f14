-- The host calls the plugin that calls the host.
--- outcome: call: overflow

function attack() return host.call("case", "attack") end

function fine() return 42 end
