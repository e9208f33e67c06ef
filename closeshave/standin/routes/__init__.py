"""The routes, a module an area. Every handler does three things: read the request, ask a part of the platform, shape the answer."""
