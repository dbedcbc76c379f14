--- takes all memory in a hook
--- outcome: load memory

return {
  on_load = function()
    local all = {}
    while true do
      pcall(function() all[#all + 1] = ("x"):rep(100000) .. #all end)
    end
  end,
}
