-- Each call is protected by the one before.
--- outcome: runs

local function deep() return pcall(deep) end

function attack()
  deep()
  local function deeper()
    local ok, text = pcall(deeper)
    return ok, text
  end
  deeper()
  return true
end

function fine() return 42 end
