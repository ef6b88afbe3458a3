"""The verbs, in the order in which a referral meets them."""
