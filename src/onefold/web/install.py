"""What to paste where, so that a source sends: one snippet for each kind of client."""


def snippets(host: str, key: str) -> list[dict[str, str]]:
    """(name, text) by kind of client. `host` with its scheme, without a slash at its end."""
    page = (
        '<script>(window.onefold = window.onefold || []).push(["page"])</script>\n'
        f'<script async src="{host}/o/{key}.js"></script>\n'
    )
    bundled = (
        'import { AnalyticsBrowser } from "@segment/analytics-next"\n\n'
        f'const analytics = AnalyticsBrowser.load({{ writeKey: "{key}", cdnURL: "{host}" }})\n'
        'analytics.page()\nanalytics.identify("user-1", { email: "ann@acme.co" })\n'
    )
    rudder = (
        'import { RudderAnalytics } from "@rudderstack/analytics-js"\n\n'
        "const analytics = new RudderAnalytics()\n"
        f'analytics.load("{key}", "{host}", {{ configUrl: "{host}" }})\nanalytics.page()\n'
    )
    python = (
        "import segment.analytics as analytics\n\n"
        f'analytics.write_key = "{key}"\nanalytics.host = "{host}"\n'
        'analytics.identify("user-1", {"email": "ann@acme.co"})\n'
        'analytics.track("user-1", "Report Exported", {"format": "pdf"})\n'
    )
    node = (
        'import { Analytics } from "@segment/analytics-node"\n\n'
        f'const analytics = new Analytics({{ writeKey: "{key}", host: "{host}" }})\n'
        'analytics.track({ userId: "user-1", event: "Report Exported" })\n'
    )
    curl = (
        f"curl {host}/v1/track -u {key}: -H 'Content-Type: application/json' \\\n"
        """  -d '{"userId": "user-1", "event": "Report Exported", """
        """"properties": {"format": "pdf"}}'\n"""
    )
    return [
        {"name": "A page, in two lines", "text": page},
        {"name": "Segment's SDK in your bundle", "text": bundled},
        {"name": "RudderStack's SDK in your bundle", "text": rudder},
        {"name": "Python", "text": python},
        {"name": "Node", "text": node},
        {"name": "Any language, by HTTP", "text": curl},
    ]
