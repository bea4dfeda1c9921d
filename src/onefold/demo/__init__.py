"""A simulated company: a vendor of reports and exports, its customers, and their last 120 days.

`loader.run` loads it through the public HTTP interface and then keeps a live stream going.
`events.History` makes it, from a seed; `History.truth` says what is planted in it.
"""
