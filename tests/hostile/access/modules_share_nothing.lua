-- Changes what another plugin gets from `require`.
--- outcome: runs

function attack()
  require("part").value = 42
  local part = require "part"
  part.fine = function() return 0 end
  return host.call("bystander", "fine") == 42
end

function fine() return 42 end
