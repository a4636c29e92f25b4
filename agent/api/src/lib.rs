//! Every document an outsider reads: custom resources, config, report.
