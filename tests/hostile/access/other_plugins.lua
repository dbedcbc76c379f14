-- Reaches into another plugin by more than its exports.
--- outcome: runs

function attack()
  assert(not pcall(host.call, "bystander", "Count"))
  assert(not pcall(host.call, "bystander", "_G"))
  assert(not pcall(host.call, "bystander", ""))
  assert(not pcall(host.call, "bystander", "fine\0"))
  assert(not pcall(host.call, "../bystander", "fine"))
  return Count == nil and bounce == nil
end

function fine() return 42 end
