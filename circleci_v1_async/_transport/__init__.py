"""One exchange over aiohttp, and every decision where the token is sent."""
