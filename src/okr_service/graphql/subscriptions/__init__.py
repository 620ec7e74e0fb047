"""Subscriptions: what happens, told as it happens, over a WebSocket or a stream of events.

`following` makes the responses of one subscription, `websocket` and `sse` carry them. What
happened comes from the feed of events (`events.broadcast`), so it does not matter which
process wrote it. What always holds:

- *Who is told is asked anew.* Before anything is told the caller is recognised again, and at
  least each ten seconds; what they may see is judged by what they may now.
- *Nothing is missed or doubled.* Each payload has its cursor; whoever goes on after it gets
  what comes next, from whichever process.
- *Nobody is waited for.* Nothing is queued for a subscriber: it has a cursor, one response
  that is being sent, and what the socket buffers. Who reads slowly is told later, from the
  feed, and does not hold others back; who reads nothing is let go.
- *Made once.* Those who ask the same and may see the same share one response.
"""
