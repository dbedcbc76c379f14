-- Requires what is not in its folder.
--- outcome: runs

function attack()
  for _, name in ipairs {
    "..secret", "../secret", "...secret", "....secret", ".", "..", "", "/etc/passwd", "/secret",
    "../../secret", "./part", "part/../../secret", "part\0", "\0part", "part\0.lua", "part\n",
    "C:\\secret", "\\\\server\\share", "~.secret/", "file:///etc/passwd", "%2e%2e%2fsecret", "secret",
    "bystander", "case.bystander", "\255", "part\255", ("a"):rep(100000), ("a."):rep(50000) .. "a",
  } do
    local ok, found = pcall(require, name)
    assert(not ok and type(found) == "string", name)
  end
  return require("part").value == 42
end

function fine() return 42 end
