-- For wrk: each thread reports random values on random key results of a planted tree.
-- Arguments: how many objectives a tree has, then the API key of each thread's tenant.

local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("number", threads)
end

function init(args)
  objectives = tonumber(args[1])
  headers = {
    ["Authorization"] = "Bearer " .. args[1 + number],
    ["Content-Type"] = "application/json",
  }
  math.randomseed(os.time() + 7919 * number)
end

function request()
  local body = string.format(
    '{"key_result_id":"external:L-%d/KR%d","value":"%d"}',
    math.random(0, objectives - 1), math.random(3), math.random(0, 100)
  )
  return wrk.format("POST", nil, headers, body)
end
