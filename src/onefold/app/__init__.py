"""The one place that knows all rooms: it assembles the processes and watches over them."""
