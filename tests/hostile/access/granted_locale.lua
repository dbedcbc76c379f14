-- Changes how the whole process writes numbers.
--- outcome: runs
--- flavours: lua54 lua55 luajit
--- permissions: os

function attack()
  for _, locale in ipairs { "", "C", "POSIX", "de_DE.UTF-8", "C.UTF-8" } do
    assert(os.setlocale(locale) == nil and os.setlocale(locale, "numeric") == nil)
  end
  return type(os.setlocale()) == "string"
end

function fine() return 42 end
