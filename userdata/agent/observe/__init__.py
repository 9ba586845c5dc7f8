"""The look of the leading agent: gather, snapshot, decide, actions, apply. Members and conditions are its decisions."""
