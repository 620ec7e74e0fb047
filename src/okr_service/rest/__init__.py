"""What all REST routers share: how a request becomes a call and a call an answer."""
