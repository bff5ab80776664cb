//! Identity doors, token sources and the token cache.
