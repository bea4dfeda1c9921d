"""The standard names: every kind of webhook maps to these, so that one audience fits all vendors.

They follow Segment's specs where those have a name, and this product's own facts (`Ticket Opened`,
`Conversation Replied`) elsewhere. docs/reference/webhooks.md lists them; a test holds it to this.
"""

STANDARD: dict[str, tuple[str, ...]] = {
    "billing": (
        "Subscription Started", "Subscription Updated", "Subscription Paused",
        "Subscription Resumed", "Subscription Cancelled", "Trial Ending", "Invoice Created",
        "Invoice Finalized", "Invoice Sent", "Invoice Paid", "Invoice Payment Failed",
        "Invoice Overdue", "Invoice Voided", "Invoice Marked Uncollectible", "Payment Succeeded",
        "Payment Failed", "Payment Refunded", "Refund Created", "Dispute Opened",
        "Dispute Updated", "Dispute Closed", "Checkout Completed", "Credit Note Created",
        "Payment Method Added", "Payment Method Removed", "Customer Created", "Customer Updated",
        "Customer Deleted",
    ),
    "support": (
        "Ticket Opened", "Ticket Updated", "Ticket Status Changed", "Ticket Priority Changed",
        "Ticket Assigned", "Ticket Replied", "Ticket Answered", "Ticket Solved", "Ticket Reopened",
        "Ticket Rated", "Conversation Opened", "Conversation Replied", "Conversation Answered",
        "Conversation Assigned", "Conversation Closed", "Conversation Reopened",
        "Conversation Rated",
    ),
    "message": (
        "Email Sent", "Email Delivered", "Email Opened", "Email Clicked", "Email Replied",
        "Email Bounced", "Email Marked As Spam", "Unsubscribed", "Subscribed",
    ),
    "ad": ("Ad Viewed", "Ad Clicked", "Lead Submitted"),
    "crm": (
        "Contact Created", "Contact Updated", "Contact Deleted", "Contact Merged",
        "Account Created", "Account Updated", "Account Deleted", "Lead Created", "Lead Updated",
        "Lead Status Changed", "Lifecycle Stage Changed", "Deal Created", "Deal Updated",
        "Deal Stage Changed", "Deal Won", "Deal Lost", "Deal Associated", "Task Created",
        "Task Updated",
    ),
}  # fmt: skip
EVERY = tuple(name for names in STANDARD.values() for name in names)
