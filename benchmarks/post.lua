-- For wrk: post the same again and again. Arguments: an API key, the JSON to post.

function init(args)
  wrk.headers["Authorization"] = "Bearer " .. args[1]
  wrk.headers["Content-Type"] = "application/json"
  wrk.body = args[2]
  wrk.method = "POST"
end
