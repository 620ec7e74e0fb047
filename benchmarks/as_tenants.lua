-- For wrk: each request as another of several tenants, in turns. Arguments: their API keys.

local turn = 0

function init(args)
  keys = args
end

function request()
  turn = turn % #keys + 1
  return wrk.format("GET", nil, { ["Authorization"] = "Bearer " .. keys[turn] })
end
