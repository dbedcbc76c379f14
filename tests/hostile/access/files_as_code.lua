-- Runs files by their path.
--- outcome: runs

function attack()
  return dofile == nil and loadfile == nil and rawget(_G, "dofile") == nil and rawget(_G, "loadfile") == nil
end

function fine() return 42 end
