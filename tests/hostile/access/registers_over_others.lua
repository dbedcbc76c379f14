-- Registers what would stand in the place of something else.
--- outcome: runs

function attack()
  for _, exports in ipairs {
    { attack = print }, { fine = print }, 5, "fine", print,
    setmetatable({}, { __index = function() error("a metamethod ran") end, __pairs = error }),
  } do
    pcall(host.register, exports)
  end
  pcall(host.register)
  return host.call("case", "fine") == 42
end

function fine() return 42 end
