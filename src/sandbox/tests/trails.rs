//! Trails: names, homes, shadows, quotas, and what their bucket and key must allow.
