"""The sandbox's page for people, as a Jinja template; for app.sandbox only."""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta http-equiv="refresh" content="5"><title>Sandbox ONTRAPORT</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin-bottom: 2rem; }
th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid #ddd; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.bad { color: #a40000; }
</style>
</head>
<body>
<h1>Sandbox ONTRAPORT</h1>
<p>A stand-in that keeps what it is told in memory.
<a href="/ledger">ledger</a> · <a href="/faults">faults</a></p>
<table>
<tr>{% for name in ledger.counts %}<th>{{ name }}</th>{% endfor %}<th>requests</th>
<th>last minute</th><th>429s</th></tr>
<tr>{% for number in ledger.counts.values() %}<td>{{ number }}</td>{% endfor %}<td>{{ requests.total }}</td>
<td>{{ requests.last_minute }} of {{ requests.limit or "any number" }}</td>
<td>{{ requests.throttled.by_limit + requests.throttled.by_fault }}</td></tr>
</table>
{% for kind, found in ledger.duplicates.items() if found %}
<p class="bad">{{ kind }} that stand more than once:
{% for name, ids in found.items() %}{{ name }} ({{ ids | join(", ") }}){{ "" if loop.last else ", " }}
{% endfor %}</p>
{% endfor %}
<h2>Latest sales</h2>
<table>
<tr><th>id</th><th>order</th><th>e-mail</th><th>paid</th><th>lines</th><th class="number">total</th></tr>
{% for sale in ledger.transactions %}
<tr><td>{{ sale.id }}</td><td>{{ sale.external_order_id }}</td><td>{{ sale.email }}</td>
<td>{{ sale.paid_at }}</td>
<td>{% for line in sale.lines %}
{{ line.quantity }} &times; {{ line.name }} at {{ line.price }}<br>
{% endfor %}</td>
<td class="number">{{ sale.total }}</td></tr>
{% endfor %}
</table>
{% if faults %}
<h2>Faults</h2>
<ul>{% for rule in faults %}
<li>{{ rule.do }} for {{ rule.match or "everything" }}: fired {{ rule.fired }} times</li>
{% endfor %}</ul>
{% endif %}
</body>
</html>
"""
