"""The join data by which workers join: what they hold, where they are kept, when they are renewed."""
