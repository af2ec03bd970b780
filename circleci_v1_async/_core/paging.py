"""Page size of lists of builds, and defaults of walks."""

from typing import Final

# For a larger page size, the service silently returns 100 builds, and a full page would look like the last page.
MAX_PAGE: Final = 100
# Defaults of walks: number of builds that two pages share, and number of pages to prefetch.
OVERLAP: Final = 5
PREFETCH: Final = 1
