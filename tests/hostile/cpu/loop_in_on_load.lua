--- loops in a hook that runs when it is loaded
--- outcome: load time

return {
  on_load = function()
    while true do pcall(function() while true do end end) end
  end,
}
