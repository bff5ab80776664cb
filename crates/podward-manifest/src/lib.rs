//! YAML documents, workloads and source positions.
