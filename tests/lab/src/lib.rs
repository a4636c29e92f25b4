//! A real control plane and real Git servers on this machine, for the demo and the tests.
