"""One exchange over aiohttp, and every decision about where the token is sent."""
