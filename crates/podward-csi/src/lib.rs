//! CSI node service and the atomic writer.
