"""Worker on asyncio's own event loop."""
