-- Code that is nested deeper than any parser goes.
--- outcome: runs
--- flavours: lua54 lua55 luajit

function attack()
  local n = 20000
  for _, code in ipairs {
    "return " .. ("("):rep(n), "return " .. ("{"):rep(n), "return " .. ("- "):rep(n) .. "1",
    "return " .. ("not "):rep(n) .. "1", ("do "):rep(n), ("if a then "):rep(n), ("while a do "):rep(n),
    ("local function f() "):rep(n), "return " .. ("function() return "):rep(n), "return " .. ("a.."):rep(n) .. "a",
    "return " .. ("2^"):rep(n) .. "2", "a" .. ("[a"):rep(n), "a" .. ("(a"):rep(n), "return a" .. ("[1]"):rep(n) .. "(",
    ("goto a "):rep(n) .. "(", "return [" .. ("="):rep(n) .. "[", ("for a in "):rep(n), "return " .. ("~"):rep(n) .. "1",
  } do
    assert(load(code) == nil)
  end
  return true
end

function fine() return 42 end
