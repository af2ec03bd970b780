"""One exchange over aiohttp, and all that decides where the token goes."""
