"""HTTP as Stripe speaks it: forms in, objects, lists and errors out."""
