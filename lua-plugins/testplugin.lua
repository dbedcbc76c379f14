-- The tutorial's plugin, in Lua. Its twins: native-plugins/testplugin (Rust), and
-- beside that one a folder for each other language.

local M = { _NAME = "testplugin", _VERSION = "1.0.0" }

M.Value = 0
M.Pd = { name = "", age = 0, tel = "" }

function M.Plugin_fun()
  print("Value in plugin: " .. M.Value)
end

function M.ComplexType()
  print(M.Pd.name .. " " .. M.Pd.age .. " " .. M.Pd.tel)
  M.Pd.age = M.Pd.age * 4
  host.channel("data"):send(M.Pd)
end

host.register {
  Hello = function()
    return "Hello, number " .. M.Value
  end,
}

print("plugin load...")

return M
