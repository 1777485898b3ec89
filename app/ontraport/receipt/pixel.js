(function () {
  "use strict";
  var host = @HOST@;
  var pairs = @FIXED@;
  var root = document.getElementById("ontraport-sale");
  var items = Array.prototype.slice.call(root.querySelectorAll("[data-item]"));

  function told(element) {
    var value = element.textContent.trim();
    if (/^\[[A-Za-z0-9_]+\]$/.test(value)) {
      return "";
    }
    return element.hasAttribute("data-number") ? value.replace(/[^0-9.]/g, "") : value;
  }

  root.querySelectorAll("[data-name]").forEach(function (element) {
    var value = told(element);
    var item = items.indexOf(element.parentNode) + 1;
    if (value) {
      pairs.push([element.getAttribute("data-name").replace("{n}", String(item)), value]);
    }
  });
  var query = pairs.map(function (pair) {
    return pair.map(encodeURIComponent).join("=");
  });
  new Image().src = "https://" + host + "/p?" + query.join("&");
})();
