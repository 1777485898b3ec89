"""Pure mapping from facts to CRM steps; no clock, no I/O."""
