"""The exported page in a real Chromium. A package, so that its conftest stands beside the tests' own."""
