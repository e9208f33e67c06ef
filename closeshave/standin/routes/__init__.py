"""The routes, one module for each area. Every handler does three things: read the request, call a part of the platform, form the answer."""
