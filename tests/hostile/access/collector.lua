-- Drives the collector.
--- outcome: runs

function attack()
  for _, what in ipairs {
    "collect", "stop", "restart", "step", "setpause", "setstepmul", "incremental", "generational",
    "isrunning", "param", "", "Count",
  } do
    local ok, text = pcall(collectgarbage, what)
    assert(not ok and text:find("only \"count\" is allowed", 1, true), what)
  end
  assert(not pcall(collectgarbage) and not pcall(collectgarbage, nil) and not pcall(collectgarbage, {}))
  return type(collectgarbage("count")) == "number"
end

function fine() return 42 end
